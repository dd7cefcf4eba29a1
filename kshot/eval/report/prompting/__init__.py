"""The report of a comparison: what was run, turned into tables, figures, words and transcripts."""
