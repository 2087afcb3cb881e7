"""Outreach lists to take along: a page to print, a PDF, a workbook."""
