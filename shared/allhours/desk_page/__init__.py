"""The desk's web page: static files without a build step, which allhours.aws.desk_api.page_files serves.

`index.html` is `/desk`, each other file `/desk/<name>`. Addresses inside are relative, so that a stage in
front of the path does no harm. docs/desk-page.md says what is where.
"""
