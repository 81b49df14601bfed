"""Growing a collection from MusicBrainz and the Cover Art Archive."""
