"""The dispatcher: catalogue, scheduler, data store and certificate authority of a grid."""
