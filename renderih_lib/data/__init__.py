"""Assets, dataset readers and the one sample type they all give."""
