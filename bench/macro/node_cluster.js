// Node's cluster, round robin: the model of connection dispatch. node node_cluster.js PORT
const cluster = require("cluster");
const http = require("http");

cluster.schedulingPolicy = cluster.SCHED_RR;
if (cluster.isPrimary) {
    cluster.fork();
} else {
    const head = { "Content-Type": "text/plain", "Content-Length": "13" };
    http.createServer((request, response) => {
        response.writeHead(200, head);
        response.end("Hello, World!");
    }).listen(Number(process.argv[2]), "127.0.0.1");
}
