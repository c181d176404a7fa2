// Node's cluster, round robin: the model of connection dispatch. node node_cluster.js PORT
const cluster = require("cluster");
const http = require("http");

cluster.schedulingPolicy = cluster.SCHED_RR;
if (cluster.isPrimary) {
    cluster.fork();
} else {
    const head = { "Content-Type": "text/plain", "Content-Length": "13" };
    const server = http.createServer((request, response) => {
        response.writeHead(200, head);
        response.end("Hello, World!");
    });
    server.keepAliveTimeout = 3600e3; // 5 s by default: shorter than a bench
    server.listen(Number(process.argv[2]), "127.0.0.1");
}
