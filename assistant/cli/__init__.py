"""The command line that outside programs rely on."""
