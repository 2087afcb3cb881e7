"""What draws power, and what the meter shows of it: weather, rooms, equipment, supply."""
