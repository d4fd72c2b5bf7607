"""The contract as documents: OpenAPI for programs, a reference for people, both written from the descriptors.

Nothing here is written down twice: paths, fields, callers and errors come from the proto files and their comments, and
what only v1 clients see from `gateway/v1_schemas.py`. A new RPC needs no change here. `python -m gateway.contract`
writes the documents anew; the running gateway serves them as they were written (`pages.py`).
"""
