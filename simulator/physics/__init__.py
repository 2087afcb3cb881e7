"""What draws power, and what the meter shows of it: rooms, equipment, supply."""
