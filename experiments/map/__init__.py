"""`map`: covers on a plane, clusters, which genres separate."""
