/**
 * Optional packages, which may be missing. In Node they are required from where the program is installed, at run time: a
 * bundler that follows an `import()` fails when the package is not there, and takes it in without its WebAssembly or its
 * binary when it is. Elsewhere there is no such way, so callers fall back on an `import()` inside of `try`, which bundlers
 * know as one that may fail.
 */

interface NodeProcess {
  getBuiltinModule?(name: 'node:module'): typeof import('node:module') | undefined
  cwd?(): string
}

/**
 * The package, as CommonJS has it; undefined where Node has none of that name, or there is no Node. Throws what the package
 * throws while it is loaded.
 */
export function requirePackage(name: string): unknown {
  const { process } = globalThis as { process?: NodeProcess }
  const createRequire = process?.getBuiltinModule?.('node:module')?.createRequire
  if (!createRequire) return undefined
  // A bundle in CommonJS has no URL of its own; and a bundle may stand apart from what is installed.
  const places = [import.meta.url, `${process?.cwd?.() ?? ''}/`]
  for (const place of places) {
    if (!place) continue
    try {
      return createRequire(place)(name)
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    }
  }
  return undefined
}
