"""`make bench`: the collector beside its bare parts and beside what others would use."""
