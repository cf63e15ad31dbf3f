def foreign_names():
    return set()
