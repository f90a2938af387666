"""Media behind one interface. Pictures are the first."""
