"""One TCP/IP stack: its interfaces, its filters, the packets that pass, and the commands that show them."""
