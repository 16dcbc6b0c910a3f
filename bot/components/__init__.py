"""Components of the Rasa pipeline. They run in Rasa's Python 3.10, never in the product's processes."""
