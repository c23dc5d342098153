"""What only scikit-learn's estimators need: which columns each part of a model is handed, and what it needs of them."""
