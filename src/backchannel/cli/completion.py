"""`backchannel --install-completion`: what writes scripts for shells is not loaded before."""

from cyclopts.completion.install import create_install_completion_command

from backchannel.cli.application import app

install = create_install_completion_command(app.install_completion, add_to_startup=True)
