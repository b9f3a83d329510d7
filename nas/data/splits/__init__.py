"""The splits of a data set, with images as pixels in memory or encoded in files."""
