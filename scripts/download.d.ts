export interface DownloadOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** How long an attempt may take. Default: 90. */
  readonly seconds?: number
  /** Called before each attempt. */
  readonly prepare?: () => Promise<void>
}

export const aptPatience: readonly string[]
export const mavenPatience: readonly string[]
export function download(
  command: string,
  args: readonly string[],
  options?: DownloadOptions,
): Promise<string>
export function npmInstall(
  folder: string,
  args?: readonly string[],
  options?: { readonly lock?: string | undefined; readonly seconds?: number },
): Promise<string>
