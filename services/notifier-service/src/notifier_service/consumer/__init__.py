"""The Kafka edge: due messages, and cancels that overtake them."""
