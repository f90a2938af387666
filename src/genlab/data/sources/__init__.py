"""Where images come from: embedded sets, public sets, folders."""
