"""What the stream costs, and what its neighbours cost: measured on the machine at hand."""
