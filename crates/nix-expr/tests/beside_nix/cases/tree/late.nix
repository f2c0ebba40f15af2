{ only_known_when_read = 1; }
