"""Config, runs, studies, reports, scores, benches, the service, the app, the command line."""
