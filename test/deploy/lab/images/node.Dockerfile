# The real Node, npm and user of the official image, and npm's cache with the packages of this checkout: npm is offline.
FROM debian:bookworm-slim
ARG NODE_VERSION
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
COPY node-$NODE_VERSION /usr/local
COPY node-entrypoint.sh /usr/local/bin/docker-entrypoint.sh
COPY npm /opt/npm-cache
COPY npmrc /usr/local/etc/npmrc
# The cache knows packages by the registry that they came from.
ARG REGISTRY
RUN echo "registry=$REGISTRY" >>/usr/local/etc/npmrc
ENV NODE_VERSION=$NODE_VERSION
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["node"]
