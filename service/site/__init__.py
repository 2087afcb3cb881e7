"""The files of a new site: settings, passwords, access list, certificates, services."""
