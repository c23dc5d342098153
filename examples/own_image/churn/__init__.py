"""What the churn model is made of beside scikit-learn: it is in the image that serves it."""
