/** The console and the API before a cluster that is reached over a connection, on this machine: `kafka-do console`. */
import { createServer } from 'node:http'
import { OpenGuard } from '../access/open-guard.ts'
import type { Connection } from '../connection/connection.ts'
import { resolveOptions } from '../core/options.ts'
import type { Runtime } from '../core/runtime.ts'
import { HttpApi } from '../http/handler.ts'
import { httpOptions } from '../http/http-config.ts'
import { answerNode } from '../http/node-adapter.ts'
import { StallClock } from '../http/stall-clock.ts'
import { ConnectedNodes } from './connected-nodes.ts'
import { consolePages } from './console-pages.ts'
import { listenAt } from './listening.ts'

export interface ConsoleServerOptions {
  /** To the cluster; closed with the server. What it may do, everybody may who reaches the port. */
  readonly connection: Connection
  readonly runtime: Runtime
  /** 0: a free one. */
  readonly port: number
}

export interface ConsoleServer {
  /** `http://127.0.0.1:41235/` */
  readonly url: string
  /** Idempotent. */
  close(): Promise<void>
}

/** Everybody who reaches it may do what the connection may: so nobody of elsewhere does. */
const host = '127.0.0.1'
const allowedHosts = ['localhost', '127.0.0.1']
const maxFrameBytes = 100 * 1_048_576

/** Throws `KafkaError` LISTEN_FAILED. */
export async function openConsoleServer(options: ConsoleServerOptions): Promise<ConsoleServer> {
  const { connection, runtime } = options
  const config = resolveOptions('HttpConfig', httpOptions, { allowedHosts })
  const advertised = () => ({ host: 'console', port: 0 })
  const hall = new OpenGuard()
  const nodes = new ConnectedNodes({ connection, runtime, advertised, guard: hall })
  const api = new HttpApi({
    ...{ nodes, runtime, hall, config, maxFrameBytes, advertised, listener: 'console' },
    pages: consolePages(),
  })
  const { bodyTimeout, sendTimeout, headersTimeout } = config
  const stalls = new StallClock(runtime)
  const server = createServer({ headersTimeout, requestTimeout: 0 }, (message, response) => {
    const handle = (request: Parameters<HttpApi['handle']>[0]) => api.handle(request)
    void answerNode(message, response, handle, { runtime, stalls, bodyTimeout, sendTimeout })
  })
  const place = { name: 'console', host, port: options.port }
  const port = await listenAt(server, place, (error) =>
    runtime.logger.error({ err: error }, 'the console failed to accept a connection'),
  ).catch(async (error: unknown) => {
    await api.close()
    await nodes.close()
    throw error
  })
  let closing: Promise<void> | undefined
  return {
    url: `http://${host}:${port}/`,
    close() {
      closing ??= (async () => {
        const closed = new Promise((resolve) => server.close(resolve))
        await api.close()
        server.closeAllConnections()
        await closed
        await nodes.close()
      })()
      return closing
    },
  }
}
