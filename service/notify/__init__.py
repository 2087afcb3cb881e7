"""From events to people: policy, dispatcher, channels."""
