"""What only scikit-learn's estimators need: the columns that each part of a model gets, and what it needs of them."""
