"""The surface in the browser: a Streamlit app with a few routes and components of its own."""
