"""`index` and `similar`: nearest covers."""
