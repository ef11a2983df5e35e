"""How urgent: 1 urgent, 2 high, 3 normal, 4 no action."""

URGENT = 1
HIGH = 2
NORMAL = 3
NO_ACTION = 4
