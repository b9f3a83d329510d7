"""The report's sections: figures and tables as plain data, before they become HTML."""
