"""The HTML report of a work dir: reads its files, draws figures and writes one page."""
