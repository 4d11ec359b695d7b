"""What the pages are made of: all that knows visitors, Streamlit and plotly."""
