"""`track`: results in MLflow."""
