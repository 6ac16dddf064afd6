/** The variables of the process, where there is one. */
export function environment(): { readonly [name: string]: string | undefined } {
  const { process } = globalThis as {
    process?: { env?: { readonly [name: string]: string | undefined } }
  }
  return process?.env ?? {}
}
