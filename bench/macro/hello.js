// Hello by Node: node hello.js PORT WORKERS with its cluster, round robin; under PM2 a worker of it.
const cluster = require("cluster");
const http = require("http");

const [port, workers] = process.argv.slice(-2).map(Number); // PM2 puts its own before
cluster.schedulingPolicy = cluster.SCHED_RR;
if (cluster.isPrimary && !("pm_id" in process.env)) {
    for (let n = 0; n < workers; n++) cluster.fork();
    cluster.on("exit", () => cluster.fork());
    process.on("SIGTERM", () => process.exit(0));
} else {
    const head = { "Content-Type": "text/plain", "Content-Length": "13" };
    const server = http.createServer((request, response) => {
        response.writeHead(200, head);
        response.end("Hello, World!");
    });
    server.keepAliveTimeout = 3600e3; // 5 s by default: shorter than a bench
    server.listen(port, "127.0.0.1", 4096);
}
