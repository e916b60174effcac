"""What each kind of evidence says, in log2 odds."""
