// plugins.mjs - the plugins of tests/plugins, which the build lays beside kdmd, and servers that load them.

import { dirname, join } from 'node:path';
import { kdmd, startServer } from './server.mjs';

const dir = process.env.KDM_PLUGINS_DIR ?? join(dirname(kdmd), 'plugins');

/** The file of a plugin. */
export function pluginFile(name) {
  return join(dir, `${name}.so`);
}

/** kdmd with plugins: {name: its configuration}, loaded in this order; `config` is the rest of the file. */
export function startWithPlugins(plugins, { config = {}, ...options } = {}) {
  return startServer({
    ...options,
    args: [...Object.keys(plugins).flatMap((name) => ['--plugin', pluginFile(name)]), ...(options.args ?? [])],
    config: { ...config, plugins },
  });
}
