"""The report's sections: figures and tables, before any of it is HTML."""
