"""What every study stands on: config, prepared covers, fits, result folders, progress."""
