"""Operations on small pictures that several packages use."""
