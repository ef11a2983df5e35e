"""What stands around the functions: nested stacks, the example organisation, the local cloud."""
