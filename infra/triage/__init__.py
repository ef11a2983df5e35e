"""How the model of topics and urgency is made and measured; nothing here is deployed."""
