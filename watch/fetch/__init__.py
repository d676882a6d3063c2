"""Asking servers that strangers named: nothing but public addresses is reached, nothing large or slow is waited for."""
