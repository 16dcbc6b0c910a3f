"""`make demo-month`: December of a heating company with 100,000 households, lived through by the product itself."""
