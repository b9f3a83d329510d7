"""The report of a work dir: plain data, pictures drawn from it, and one page that holds them."""
