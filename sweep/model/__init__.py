"""What knows only an exported folder, and no study: reading images, proving, verifying."""
