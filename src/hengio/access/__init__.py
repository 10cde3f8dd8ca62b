"""Who may do what: permissions, roles and the rules about people (H8). Pure."""
