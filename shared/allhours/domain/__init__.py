"""What we know: values and rules, without network, cloud, environment or clock."""
